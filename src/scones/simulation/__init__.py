"""An evening at the depot, by discrete events: pure, seeded, without AWS. Runs where the operator sits.

`evening` says what happens whatever is decided, `policies` what is decided, `depot` plays the one against the other,
and `compare` does so over many evenings. The driver's vehicle is known to all but the policy, which sees a picture.
"""
