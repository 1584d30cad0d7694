"""The four places of the program, Runs, Launch, Run and Compare, and what they share."""
