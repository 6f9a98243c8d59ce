"""Discrete-event simulation of evenings at the depot. Pure and seeded; runs where the operator sits, without AWS.

`evening` draws what is random, `policies` decides, `depot` plays one evening under one policy, and `compare` plays many
evenings under all policies. Only the policy does not know a driver's vehicle: it sees an image.
"""
