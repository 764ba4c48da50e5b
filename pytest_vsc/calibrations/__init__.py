"""Calibrations: methods by which a model is made to tell safe from unsafe better."""
