"""The nouns: the four objects, their conditions and reasons, and the facts that are observed.

Nothing here touches a network, a clock or a random source, and nothing here decides.
"""
