"""The data that crosses a border, with the field names of the wire; imports only the standard library."""
