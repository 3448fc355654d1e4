"""What is generated from the code: the CRDs, the reference pages, the picture of the states.

python -m generate           write all files anew
python -m generate --check   1, and the names, where a file is not what the code says

The models say everything; nothing is decided here but how Kubernetes writes it down.
"""
