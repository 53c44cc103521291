// Put in what the server sends whenever the wall has changed. The page is whole without this.
const wall = document.getElementById("wall");
const changes = new EventSource(wall.dataset.changes);
changes.addEventListener("wall", (event) => { wall.innerHTML = event.data; });
changes.addEventListener("error", () => {
  if (changes.readyState === EventSource.CLOSED) document.getElementById("lost").hidden = false;
});
