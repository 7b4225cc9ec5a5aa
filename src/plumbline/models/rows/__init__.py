"""Tables of records → the rows that models train on; which are held out, repeated, weighed, known again."""
