"""Other readers of archives, behind one pipe.

`readers.py make DIRECTORY` fills a directory with archives, by the writers that are
around. `readers.py read` takes lines `tar PATH` and `zip PATH`, and answers each with a
line of JSON: what each reader finds in it, by path, or null where it refuses the archive
or finds what is not to be compared.
"""

import hashlib, json, os, shutil, stat, subprocess, sys, tarfile, tempfile, zipfile

LIMIT = 16 << 20  # the most bytes of a file that are compared


class Refused(Exception):
    pass


def path(name):
    name.encode()  # as others have it, or not at all
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not name or name.startswith("/") or ".." in parts or "\0" in name:
        raise Refused(name)
    return "/".join(parts)


def add(found, name, kind, value):
    place = path(name)
    parts = place.split("/")
    for end in range(1, len(parts)):
        if found.setdefault("/".join(parts[:end]), ["directory", ""])[0] != "directory":
            raise Refused(name)
    if place and found.get(place, [kind])[0] != kind:
        raise Refused(name)
    if place:
        found[place] = [kind, value]


def file(read):
    return hashlib.sha256(read).hexdigest()


def python_tar(archive):
    found = {}
    with tarfile.open(archive, "r:") as members:
        for member in members:
            if member.isdir():
                add(found, member.name, "directory", "")
            elif member.issym():
                add(found, member.name, "symlink", member.linkname)
            elif member.islnk():
                target = found.get(path(member.linkname))
                if not target or target[0] == "directory":
                    raise Refused(member.name)
                add(found, member.name, *target)
            elif member.isreg() and member.size <= LIMIT:
                content = members.extractfile(member).read()
                if len(content) != member.size:
                    raise Refused(member.name)
                add(found, member.name, "file", file(content))
            else:
                raise Refused(member.name)
    return found


def python_zip(archive):
    found = {}
    with zipfile.ZipFile(archive) as members:
        for member in members.infolist():
            mode = member.external_attr >> 16
            if member.is_dir():
                add(found, member.filename, "directory", "")
            elif member.create_system == 3 and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                # Python makes a file of everything else.
                raise Refused(member.filename)
            elif member.file_size > LIMIT:
                raise Refused(member.filename)
            else:
                add(found, member.filename, "file", file(members.read(member)))
    return found


def begin(command):
    """Begins to unpack into a directory: a reader at work beside the others."""
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )


def end(process, place):
    try:
        if process.wait(timeout=10) != 0:
            raise Refused(place)
        return walked(place)
    finally:
        process.kill()
        process.wait()
        for entry in os.listdir(place):
            entry = os.path.join(place, entry)
            (shutil.rmtree if os.path.isdir(entry) and not os.path.islink(entry) else os.remove)(entry)


def walked(place):
    found = {}
    pending = [""]
    while pending:
        below = pending.pop()
        for entry in os.scandir(os.path.join(place, below)):
            name = os.path.join(below, entry.name)
            name.encode()
            mode = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(mode.st_mode):
                found[name] = ["directory", ""]
                pending.append(name)
            elif stat.S_ISLNK(mode.st_mode):
                found[name] = ["symlink", os.readlink(entry.path)]
                found[name][1].encode()
            elif stat.S_ISREG(mode.st_mode) and mode.st_size <= LIMIT:
                with open(entry.path, "rb") as content:
                    found[name] = ["file", file(content.read())]
            else:
                raise Refused(name)
    return found


def readers(kind, archive, places):
    first, second = places
    bsdtar = ["bsdtar", "-xf", archive, "-C", second, "-o"]
    if kind == "tar":
        tar = ["tar", "-xf", archive, "-C", first, "--no-same-owner", "--no-same-permissions"]
        return python_tar, {"GNU tar": tar, "bsdtar": bsdtar}
    unzip = ["unzip", "-qq", "-o", "-P", "x", archive, "-d", first]
    return python_zip, {"unzip": unzip, "bsdtar": bsdtar}


def attempt(reader, *arguments):
    try:
        return reader(*arguments)
    except Exception:  # whatever it is, the archive is not read
        return None


def read():
    os.umask(0o022)
    memory = "/dev/shm"  # so that no disk is waited for
    with tempfile.TemporaryDirectory(dir=memory if os.path.isdir(memory) else None) as place:
        places = [os.path.join(place, name) for name in ("1", "2")]
        for one in places:
            os.mkdir(one)
        for line in sys.stdin:
            kind, archive = line.rstrip("\n").split(" ", 1)
            python, commands = readers(kind, archive, places)
            begun = {name: begin(command) for name, command in commands.items()}
            answer = {"python": attempt(python, archive)}
            for (name, process), one in zip(begun.items(), places):
                answer[name] = attempt(end, process, one)
            print(json.dumps(answer), flush=True)


def tree(place):
    def put(name, content):
        os.makedirs(os.path.dirname(os.path.join(place, name)), exist_ok=True)
        with open(os.path.join(place, name), "wb") as file:
            file.write(content)

    put("a", b"one\n")
    put("d/b", b"two\n" * 200)
    put("d/empty", b"")
    put("d/zeros", bytes(1024))
    put("ends-in-zeros", b"x" + bytes(1535))
    put("n" * 90 + "/" + "m" * 90 + "/file", b"far down")
    put("l" * 120, b"long")
    put("na\u00efve/\u00fc", b"not ASCII")
    os.makedirs(os.path.join(place, "none/at/all"))
    os.symlink("../a", os.path.join(place, "d/up"))
    os.symlink("t" * 130, os.path.join(place, "far"))
    os.link(os.path.join(place, "a"), os.path.join(place, "same"))
    with open(os.path.join(place, "holes"), "wb") as holes:
        for at in range(0, 7 * 8192, 8192):
            holes.seek(at)
            holes.write(b"x" * 100)


def make(directory):
    place = os.path.join(directory, "tree")
    os.mkdir(place)
    tree(place)
    small = ["a", "d", "none"]

    def run(name, *command):
        done = subprocess.run([*command], cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode not in (0, 1) and os.path.exists(f"{directory}/{name}"):
            os.remove(f"{directory}/{name}")

    for form in ("v7", "oldgnu", "gnu", "ustar", "posix"):
        run(f"gnu-{form}.tar", "tar", f"--format={form}", "-b1", "-cf", f"../gnu-{form}.tar", ".")
        run(f"gnu-{form}-small.tar", "tar", f"--format={form}", "-b1", "-cf", f"../gnu-{form}-small.tar", *small)
    for version in ("0.0", "0.1", "1.0"):
        run(f"sparse-{version}.tar", "tar", "--format=posix", "-b1", "-S", f"--sparse-version={version}", "--hole-detection=raw",
            "-cf", f"../sparse-{version}.tar", "holes", "a")
    run("sparse-gnu.tar", "tar", "--format=gnu", "-b1", "-S", "--hole-detection=raw", "-cf", "../sparse-gnu.tar", "holes", "a")
    for form in ("v7", "ustar", "pax", "gnutar"):
        run(f"bsd-{form}.tar", "bsdtar", f"--format={form}", "-b1", "-cf", f"../bsd-{form}.tar", ".")
        run(f"bsd-{form}-small.tar", "bsdtar", f"--format={form}", "-b1", "-cf", f"../bsd-{form}-small.tar", *small)
    for number, form in enumerate((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
        for what, names in (("", ["."]), ("-small", small)):
            try:
                with tarfile.open(f"{directory}/python-{number}{what}.tar", "w", format=form) as archive:
                    for name in names:
                        archive.add(os.path.join(place, name), name)
            except ValueError:  # a name that the format has no room for
                os.remove(f"{directory}/python-{number}{what}.tar")
    for what, names in (("", ["."]), ("-small", small)):
        run(f"info{what}.zip", "zip", "-q", "-r", "-y", f"../info{what}.zip", *names)
        run(f"info-plain{what}.zip", "zip", "-q", "-r", "-y", "-X", "-0", f"../info-plain{what}.zip", *names)
        run(f"info-dos{what}.zip", "zip", "-q", "-r", "-k", f"../info-dos{what}.zip", "a", "d/b")
        run(f"info-stream{what}.zip", "sh", "-c", f"zip -q -r -y -fd - {' '.join(names)} > ../info-stream{what}.zip")
        run(f"bsd{what}.zip", "bsdtar", "--format=zip", "-cf", f"../bsd{what}.zip", *names)
        run(f"bsd-plain{what}.zip", "bsdtar", "--format=zip", "--options=zip:compression=store", "-cf", f"../bsd-plain{what}.zip", *names)
        with zipfile.ZipFile(f"{directory}/python{what}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                for below, _, files in os.walk(os.path.join(place, name)):
                    for one in files:
                        at = os.path.join(below, one)
                        if not os.path.islink(at):
                            archive.write(at, os.path.relpath(at, place))
    shutil.rmtree(place)


if sys.argv[1] == "make":
    make(sys.argv[2])
else:
    read()
