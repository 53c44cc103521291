"""The rules of talks, rounds and meetings. Pure: facts and the present instant in, a decision out."""
