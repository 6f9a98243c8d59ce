"""What crosses a border, with the wire's own field names; loads nothing but the standard library."""
