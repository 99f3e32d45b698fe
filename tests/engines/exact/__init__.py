"""Exact values of the engines' rules through the command, of models small enough to be worked out by hand.

Expected values stand as the sum they come from, with its source, and never as what the program printed.
"""
