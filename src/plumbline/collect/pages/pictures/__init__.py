"""Pictures, drawn on the server: plain values become places on a picture, and a template draws these as SVG.

scales        round ticks for numbers and moments      bars     counts side by side
points        figures with their intervals             lines    a figure over time, its interval as a band
meters        how much of something is done            matrix   shares of row against column, in words and shades
tables        the same values as a table, and as CSV

Across, places are in percent of the picture's width, so that a picture fits any screen with its letters at their own size;
down, they are in pixels. Nothing is told by colour alone.
"""
