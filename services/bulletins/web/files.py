"""Pictures and documents of a bulletin: added and taken out in the editor's own form, so that no typed word is lost."""

from __future__ import annotations

from starlette.datastructures import FormData, UploadFile

from services.bulletins.pictures import NotTaken, Taken, taken
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import bulletins as store
from services.bulletins.store.bulletins import Full
from services.bulletins.tables import Attachment
from services.bulletins.web.composing import plain
from shared.ids import new_id
from shared.languages import N_
from shared.web.viewing import View

MANY = N_("There are %(most)s files already. Take one out first.")
NONE = N_("Choose a picture or a PDF first.")


async def changed(view: View, full: Full, form: FormData, act: str, settings: BulletinsSettings) -> NotTaken | None:
    """Add the file of the form, or take one out, as the button says; why not, when it cannot be."""
    bulletin_id = full.bulletin.bulletin_id
    if act.startswith("unfile:"):
        mine = next((one for one in full.attachments if str(one.attachment_id) == act.removeprefix("unfile:")), None)
        if mine:
            await store.detach(view.db, bulletin_id, mine.attachment_id)
            await store.change(view.db, bulletin_id, view.now)
        return None
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        return NotTaken(NONE) if act == "file" else None
    try:
        await _add(view, full, file, plain(form.get("file_alt"), 300).strip(), settings)
    except NotTaken as why:
        return why
    return None


async def _add(view: View, full: Full, file: UploadFile, alt: str, settings: BulletinsSettings) -> None:
    if len(full.attachments) >= settings.files:
        raise NotTaken(MANY, most=settings.files)
    most = max(settings.picture_bytes, settings.file_bytes) + 1
    made: Taken = await taken(file.filename or "", await file.read(most), settings)
    bulletin_id = full.bulletin.bulletin_id
    kept = Attachment(
        attachment_id=new_id(),
        bulletin_id=bulletin_id,
        name=made.name,
        alt=alt if made.content_type.startswith("image/") else "",
        content_type=made.content_type,
        size=len(made.content),
        content=made.content,
        added_at=view.now,
    )
    await store.attach(view.db, kept)
    await store.change(view.db, bulletin_id, view.now)
