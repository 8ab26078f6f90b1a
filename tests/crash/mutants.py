"""Bugs to plant in the log, its archive and its backup, and the harness that must catch each: `make mutants`.

Each is a name, a file, a text, what stands in its place, and a command that then has a verdict of its own.
"""

from tests.simulation.planted import SIMULATION, pytested

IMAGES = ("-m", "tests.crash.images", "--images", "2000", "--seconds", "600")
FLIPS = ("-m", "tests.crash.flips", "--small", "3000", "--large", "20", "--hot", "200", "--seconds", "600")


LOG, FILE, CHAIN = "storage/log.py", "storage/log_file.py", "storage/chain.py"
DISK = pytested("storage/test_log_disk.py")
MUTANTS = (
    # -- syncs
    ("no sync at all (OFF)", LOG, '"synchronous": 2', '"synchronous": 0', IMAGES),
    ("no sync of the -wal at a commit (NORMAL)", LOG, '"synchronous": 2', '"synchronous": 1', IMAGES),
    (
        "a rollback journal in place of the -wal (DELETE and FULL)",
        LOG,
        "            return cls(path, database, tuple(files), head)\n",
        '            database.execute("PRAGMA journal_mode = DELETE").fetchone()\n'
        "            return cls(path, database, tuple(files), head)\n",
        IMAGES,
    ),
    ("what a killed process wrote is read and not synced", LOG, "        os.fdatasync(file)\n", "", IMAGES),
    (
        "the folder is not synced",
        LOG,
        "synced(path.parent)  #",
        "#",
        pytested("crash/test_errors.py::test_a_folder_that_can_not_be_synced_ends_the_process"),
    ),
    ("a new folder's name is not synced", LOG, "        synced(folder.parent)\n", "", DISK),
    (
        "the archive is not synced before the log forgets",
        "storage/archive.py",
        "        synced(part)\n",
        "",
        pytested("storage/test_archive.py"),  # SQLite has synced it too: no image is bad.,
    ),
    (
        "the archive's name is not synced before the log forgets",
        "storage/archive.py",
        "        synced(path.parent)\n",
        "",
        IMAGES,
    ),
    ("the copy is not synced", "storage/backup.py", "        synced(part)\n", "", DISK),  # As above.
    ("the copy's name is not synced", "storage/backup.py", "        synced(copy.parent)\n", "", IMAGES),
    ("the copy's note is not synced", "storage/backup.py", "        synced(note)\n", "", IMAGES),
    # -- errors
    (
        "tried again after a disk error",
        "actors/wal.py",
        "os._exit(70)  #",
        "self._do(message, sender)  #",
        pytested("crash/test_wal_dies.py"),
    ),
    (
        "a short write of the -wal is not noticed",
        LOG,
        "        while size < PRIMED:",
        "        if size < PRIMED:",
        DISK,
    ),
    ("a short write of the note is not noticed", LOG, " != len(note)", " < 0", DISK),
    (
        "an error of the note is nobody's",
        LOG,
        "        except (sqlite3.Error, OSError) as",
        "        except sqlite3.Error as",
        DISK,
    ),
    (
        "the -shm file may be full of holes",
        LOG,
        "        os.posix_fallocate(file, 0, INDEX)\n",
        "        pass\n",
        DISK,
    ),
    (
        "a copy that could not be finished is taken for one",
        "storage/backup.py",
        '!= ("delete",)',
        '== ("never",)',
        DISK,
    ),
    # -- what is answered
    (
        "answered before it is committed",
        LOG,
        '            with self._database:\n                self._database.execute("BEGIN IMMEDIATE")\n'
        "                self._database.executemany(_INSERT, rows)\n",
        "            if self._database.in_transaction:\n"
        '                self._database.execute("COMMIT")\n'
        '            self._database.execute("BEGIN IMMEDIATE")\n'
        "            self._database.executemany(_INSERT, rows)\n",
        pytested("storage/test_log.py"),
    ),
    # -- what is read
    ("hashes are not checked", CHAIN, "or row[10] != row_hash(row[:10])", "", FLIPS),
    ("the chain is not checked", CHAIN, "row[9] != digest or ", "", DISK),
    (
        "a gap is not noticed",
        CHAIN,
        "            if row[0] != lsn:\n",
        "            if row[0] < 0:\n",
        pytested("storage/test_log.py"),
    ),
    (
        ".head is not compared",
        FILE,
        "    if row is None or row[0] != noted.hash:\n",
        "    if row is False:\n",
        FLIPS,
    ),
    ("an emptied file is a new log", LOG, "            _assert_not_emptied(path)\n", "", DISK),
    (
        "the snapshot is not checked",
        FILE,
        " or digest != hash_of(lsn, text.encode())",
        "",
        pytested("storage/test_log.py"),
    ),
    ("a snapshot of NULL breaks", FILE, "not isinstance(text, str) or ", "", DISK),
    (
        "the index is not verified",
        LOG,
        "    if not database.execute(_INDEXED, (row[1], row[0])).fetchone():\n",
        "    if database is None:\n",
        pytested("storage/test_log.py"),
    ),
    (
        "the newest records are not verified at a start",
        LOG,
        "            _assert_tail(path, database)\n",
        "",
        pytested("storage/test_log.py"),
    ),
    (
        "damage is not placed",
        FILE,
        '    place = f"record {lsn} can not be read" if lsn else _place(path)',
        '    place = "somewhere"',
        FLIPS,
    ),
    (
        "records after the snapshot are skipped",
        LOG,
        "        while batch := self.read(lsn):\n",
        "        while batch := self.read(lsn + 1):\n",
        pytested("storage/test_log.py"),
    ),
    (
        "records before the snapshot are folded twice",
        "storage/start.py",
        "log.after(lsn)",
        "log.after(max(0, lsn - 1))",
        SIMULATION,
    ),
    # -- who may do what
    (
        "the lock is not taken",
        LOG,
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        pytested("crash/test_errors.py"),
    ),
    ("records can be removed", LOG, '{_STAYS}"""', '"""', pytested("storage/test_log.py")),
    (
        "records can be changed",
        LOG,
        "records_stay BEFORE UPDATE ON records BEGIN",
        "records_stay BEFORE UPDATE ON records WHEN 0 BEGIN",
        pytested("storage/test_log.py"),
    ),
    (
        "a newer format is opened",
        FILE,
        "    if version != FORMAT:\n",
        "    if version < FORMAT:\n",
        pytested("golden"),
    ),
)
