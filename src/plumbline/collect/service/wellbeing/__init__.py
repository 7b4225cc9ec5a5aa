"""What is done so that nobody is hurt by the work.

known_topics    the topics that a study's items bring, remembered    topics        of an item, as its worker is told them
preferences     what somebody does not want to see                   skipping      such items given back for them
moods           how people say they feel                             mood_summary  the same, by day, of at least five
standing        how far somebody is: all that their page needs       failures      what these uses refuse
"""
