"""The embedded broker as users meet it; a package, so that its tests share one that they may kill."""
