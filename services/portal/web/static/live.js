// Put in what the server sends whenever the day has changed. The page is whole without this.
const day = document.getElementById("day");
const changes = new EventSource(day.dataset.changes);
changes.addEventListener("day", (event) => { day.innerHTML = event.data; });
