"""The platforms' databases: tell, compare, and say what a database lacks."""
