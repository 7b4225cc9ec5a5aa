"""Is a folder that somebody hands over what it says it is?"""
