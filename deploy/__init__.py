"""How Skolbro is run: on one machine (`embedded`), in containers, on Kubernetes."""
