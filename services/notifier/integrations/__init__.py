"""The ways out of the house: one module for each kind of receiver, and the only place that speaks to one."""
