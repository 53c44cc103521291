"""Owns class bulletins and school information; today its own copy of the roster they will stand on."""
