"""Database migrations, numbered; `pre` ones run before the new code, `post` ones after."""
