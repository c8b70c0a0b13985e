"""Curves of bifurcations in two parameters, and the points where several meet.

`augmented` holds the equations, `tracing` walks, `codim2` locates, `codim2_forms` says what a point
means, `curve` is the public function, `organising` follows all curves of a plane.
"""
