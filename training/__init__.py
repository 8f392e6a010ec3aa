"""Fits the symptom models from labelled texts; what comes out is a text file that the product reads."""
