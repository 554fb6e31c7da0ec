"""In which ways can a few layers be looked at together?"""
