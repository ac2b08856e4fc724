//! The stages of a box, each this program executed anew: `unsafe` is forbidden, so nothing forks.
//!
//! - `outer` goes into namespaces of its own and starts `init` there;
//! - `init` is process 1: it mounts what the command sees, starts `inner`, and reaps;
//! - `inner` goes into a second user namespace, in which it is nobody, restricts itself and
//!   becomes the command.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, send, socket};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{getgid, getuid, pivot_root, setsid};
use serde::{Deserialize, Serialize};

use super::restrict;

/// The word that has a program be a stage of a box.
pub(super) const WORD: &str = "__sandbox-stage";
/// Who the command is, inside.
pub(super) const USER: u32 = 1000;
/// The file in the state's directory that the box connects to.
pub(super) const SOCKET: &str = "box.sock";

/// What a box is like.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Spec {
    /// The directory with the files, and what belongs to them.
    pub(super) state: PathBuf,
    /// What is put in place of the files.
    pub(super) files: FilesAre,
    /// What of the machine shows as well, to be read, at the same paths.
    pub(super) read_only: Vec<PathBuf>,
    /// Control groups to be in.
    pub(super) groups: Vec<PathBuf>,
    /// Whether it has the network of the machine.
    pub(super) network: bool,
    /// How many bytes may be in /tmp, and in /dev/shm.
    pub(super) temporary: u64,
    /// How many processes there may be, where no control group says so.
    pub(super) processes: u64,
    pub(super) directory: String,
    pub(super) argv: Vec<Vec<u8>>,
    pub(super) environment: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What the files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum FilesAre {
    /// An overlay over a file system that the caller answers for.
    OverlayOnFuse,
    /// An overlay over files that are there.
    OverlayOnFiles,
    /// Files that are there.
    Plain,
    /// None: it is looked at what can be mounted.
    Probe,
}

type Result<T, E = String> = std::result::Result<T, E>;

/// Says what was being done where the system refused.
fn doing<T, E: std::fmt::Display>(what: &str, made: Result<T, E>) -> Result<T> {
    made.map_err(|error| format!("{what}: {error}"))
}

/// Runs a stage, if these are the arguments of one; returns the code to exit with.
///
/// A program that is used as [`NativeOptions::program`](super::NativeOptions) calls it before
/// anything else, while it has one thread.
pub fn stage(arguments: impl IntoIterator<Item = OsString>) -> Option<i32> {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next()? != WORD {
        return None;
    }
    let stage = arguments.next()?;
    // What the caller left open is the caller's.
    if close_others().is_err() {
        return Some(125);
    }
    let spec = arguments.next()?.into_string().ok()?;
    let ended = match serde_json::from_str::<Spec>(&spec) {
        Ok(read) => match stage.to_str() {
            Some("outer") => outer(&read, &spec),
            Some("init") => init(&read, &spec),
            Some("inner") => inner(&read),
            _ => Err("an unknown stage".into()),
        },
        Err(error) => Err(format!("what it is to be: {error}")),
    };
    Some(ended.unwrap_or(125))
}

/// Closes all descriptors but input, output and errors; this process has no other one yet.
fn close_others() -> std::io::Result<()> {
    let mut open = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        if let Some(number) = entry?.file_name().to_str().and_then(|it| it.parse().ok()) {
            open.push(number);
        }
    }
    for number in open.into_iter().filter(|number: &RawFd| *number > 2) {
        // One of them was the list itself, and is closed.
        let _closed = nix::unistd::close(number);
    }
    Ok(())
}

/// Has the process die with the one that started it.
fn die_with_parent() -> Result<()> {
    let kill = nix::sys::signal::Signal::SIGKILL;
    doing("prctl", nix::sys::prctl::set_pdeathsig(kill))
}

fn outer(spec: &Spec, text: &str) -> Result<i32> {
    let told = connect(spec)?;
    let made = outside(spec, text, &told);
    if let Err(why) = &made {
        say(&told, &format!("error {why}"));
    }
    made
}

fn outside(spec: &Spec, text: &str, told: &UnixDatagram) -> Result<i32> {
    die_with_parent()?;
    for group in &spec.groups {
        let joined = fs::write(group.join("cgroup.procs"), "0");
        doing(&format!("join {}", group.display()), joined)?;
    }
    let (uid, gid) = (getuid(), getgid());
    if uid.is_root() {
        // Others may not: once it is mapped, a user namespace refuses it.
        doing("leave groups", nix::unistd::setgroups(&[]))?;
    }
    let mut flags = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP;
    if !spec.network {
        flags |= CloneFlags::CLONE_NEWNET;
    }
    doing("unshare", unshare(flags))?;
    map(0, uid.as_raw(), gid.as_raw())?;
    let mut init = doing("start init", again("init", text).spawn())?;
    say(told, &format!("pid {}", init.id()));
    let status = doing("wait for init", init.wait())?;
    Ok(status.code().unwrap_or(128 + status.signal().unwrap_or(0)))
}

/// Says who one is in a new user namespace, and nobody else is there.
fn map(inside: u32, uid: u32, gid: u32) -> Result<()> {
    doing("setgroups", fs::write("/proc/self/setgroups", "deny"))?;
    let line = |outside| format!("{inside} {outside} 1");
    doing("uid_map", fs::write("/proc/self/uid_map", line(uid)))?;
    doing("gid_map", fs::write("/proc/self/gid_map", line(gid)))
}

fn again(stage: &str, spec: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args([WORD, stage, spec]);
    command
}

/// Connects to whoever waits for the box.
fn connect(spec: &Spec) -> Result<UnixDatagram> {
    // By the directory's descriptor: its path may be longer than a socket's may be.
    let state = doing("open state", fs::File::open(&spec.state))?;
    let path = format!("/proc/self/fd/{}/{SOCKET}", state.as_raw_fd());
    let socket = doing("connect", UnixDatagram::unbound())?;
    doing("connect", socket.connect(path))?;
    Ok(socket)
}

fn say(told: &UnixDatagram, line: &str) {
    // Who would listen may be gone, and then this process is too, soon.
    let _gone = told.send(line.as_bytes());
}

fn init(spec: &Spec, text: &str) -> Result<i32> {
    let told = connect(spec)?;
    let made = match spec.files {
        FilesAre::Probe => probe(spec, &told),
        _ => enter(spec, &told).and_then(|(exe, _answered)| reap(&exe, text, &told)),
    };
    if let Err(why) = &made {
        say(&told, &format!("error {why}"));
    }
    made
}

/// Mounts the file system that the caller answers for; it is there as long as what is returned.
fn mount_fuse(told: &UnixDatagram, at: &str) -> Result<OwnedFd> {
    let fuse = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/fuse");
    let fuse: OwnedFd = doing("open /dev/fuse", fuse)?.into();
    let options = format!(
        "fd={},rootmode=40000,user_id=0,group_id=0,default_permissions",
        fuse.as_raw_fd()
    );
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_RDONLY;
    let mounted = mount(Some("workspace"), at, Some("fuse"), flags, Some(&*options));
    doing("mount fuse", mounted)?;
    // Who answers takes it from here, by its number.
    say(told, &format!("fuse {}", fuse.as_raw_fd()));
    Ok(fuse)
}

/// Mounts an overlay; all names are in the current directory, for a path may have commas and
/// colons.
fn mount_overlay() -> Result<()> {
    // Attributes by which a directory or bytes are elsewhere are not made.
    let options = "lowerdir=lower,upperdir=upper,workdir=work,userxattr";
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let mounted = mount(
        Some("overlay"),
        "merged",
        Some("overlay"),
        flags,
        Some(options),
    );
    doing("mount overlay", mounted)
}

fn private() -> Result<()> {
    let flags = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
    let made = mount(None::<&str>, "/", None::<&str>, flags, None::<&str>);
    doing("make mounts private", made)
}

/// Tells what can be mounted here.
fn probe(spec: &Spec, told: &UnixDatagram) -> Result<i32> {
    die_with_parent()?;
    private()?;
    doing("enter state", std::env::set_current_dir(&spec.state))?;
    match mount_overlay() {
        Ok(()) => {
            // Not every file system keeps what an overlay has to remember.
            let made = fs::create_dir("merged/probe")
                .and_then(|()| fs::remove_dir("merged/probe"))
                .and_then(|()| fs::remove_file("merged/below"));
            match doing("write to an overlay", made) {
                Ok(()) => say(told, "can overlay"),
                Err(why) => say(told, &format!("cannot overlay {why}")),
            }
        }
        Err(why) => say(told, &format!("cannot overlay {why}")),
    }
    let fuse = mount_fuse(told, "merged");
    match &fuse {
        Ok(_) => say(told, "can fuse"),
        Err(why) => say(told, &format!("cannot fuse {why}")),
    }
    let proc = mount(
        Some("proc"),
        "work",
        Some("proc"),
        MsFlags::MS_NOSUID,
        None::<&str>,
    );
    doing("mount proc", proc)?;
    say(told, &format!("landlock {}", restrict::landlock_version()));
    say(told, "can box");
    // Until it is ended: what it has mounted is looked at.
    std::thread::sleep(std::time::Duration::from_secs(10));
    Ok(0)
}

/// Makes what the command sees, and goes there. Returns this program, and what answers.
fn enter(spec: &Spec, told: &UnixDatagram) -> Result<(fs::File, Option<OwnedFd>)> {
    die_with_parent()?;
    private()?;
    // By paths of the machine nothing is looked up once files of the copy show.
    let open = |path: &Path| doing(&format!("open {}", path.display()), fs::File::open(path));
    let exe = open(Path::new("/proc/self/exe"))?;
    let shown: Vec<_> = spec
        .read_only
        .iter()
        .map(|path| open(path).map(|file| (path.clone(), file)))
        .collect::<Result<_>>()?;
    doing("enter state", std::env::set_current_dir(&spec.state))?;
    let mut answered = None;
    let files = match spec.files {
        FilesAre::OverlayOnFuse => {
            answered = Some(mount_fuse(told, "lower")?);
            mount_overlay()?;
            "merged"
        }
        FilesAre::OverlayOnFiles => {
            mount_overlay()?;
            "merged"
        }
        FilesAre::Plain | FilesAre::Probe => "files",
    };
    let files = open(Path::new(files))?;
    // Over /tmp, which is everywhere; what is needed of it is open.
    let root = Path::new("/tmp");
    let none = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let tmpfs = |at: &Path, options: &str| {
        let made = mount(Some("tmpfs"), at, Some("tmpfs"), none, Some(options));
        doing(&format!("mount {}", at.display()), made)
    };
    tmpfs(root, "size=4m,mode=755")?;
    for name in ["usr", "workspace", "proc", "dev", "tmp", "etc", ".old"] {
        doing("make root", fs::create_dir_all(root.join(name)))?;
    }
    bind(Path::new("/usr"), &root.join("usr"), true)?;
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
        let (here, there) = (Path::new("/").join(name), root.join(name));
        match fs::read_link(&here) {
            Ok(target) => doing("make root", symlink(target, there))?,
            Err(_) if is_directory(&here) => bind(&here, &there, true)?,
            Err(_) => {}
        }
    }
    for name in SETTINGS
        .iter()
        .chain(&NETWORKED[usize::from(!spec.network) * NETWORKED.len()..])
    {
        let here = Path::new("/etc").join(name);
        if here.exists() {
            bind(&here, &root.join("etc").join(name), true)?;
        }
    }
    let user = format!("workspace:x:{USER}:{USER}::/tmp:/bin/sh\n");
    doing("write passwd", fs::write(root.join("etc/passwd"), user))?;
    let group = format!("workspace:x:{USER}:\n");
    doing("write group", fs::write(root.join("etc/group"), group))?;
    let size = format!("size={},mode=1777", spec.temporary);
    tmpfs(&root.join("tmp"), &size)?;
    for (path, file) in &shown {
        let below = path.strip_prefix("/").unwrap_or(path);
        bind(&descriptor(file), &root.join(below), true)?;
    }
    for name in ["null", "zero", "full", "random", "urandom"] {
        bind(
            &Path::new("/dev").join(name),
            &root.join("dev").join(name),
            false,
        )?;
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        doing("make root", symlink(target, root.join("dev").join(name)))?;
    }
    doing("make root", fs::create_dir(root.join("dev/shm")))?;
    let proc = none | MsFlags::MS_NOEXEC;
    let proc = mount(
        Some("proc"),
        &root.join("proc"),
        Some("proc"),
        proc,
        None::<&str>,
    );
    doing("mount proc", proc)?;
    tmpfs(&root.join("dev/shm"), &size)?;
    // The last one: what is in it leads nothing of the above elsewhere.
    bind(&descriptor(&files), &root.join("workspace"), false)?;
    doing("pivot", pivot_root(root, &root.join(".old")))?;
    doing("enter root", std::env::set_current_dir("/"))?;
    doing("leave machine", umount2("/.old", MntFlags::MNT_DETACH))?;
    doing("leave machine", fs::remove_dir("/.old"))?;
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | none;
    let made = mount(None::<&str>, "/", None::<&str>, flags, None::<&str>);
    doing("make root read-only", made)?;
    doing("name", nix::unistd::sethostname("sandbox"))?;
    if !spec.network {
        loopback()?;
    }
    Ok((exe, answered))
}

/// What of /etc programs need.
const SETTINGS: [&str; 11] = [
    "alternatives",
    "ca-certificates",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
];
/// What those need that reach the network.
const NETWORKED: [&str; 4] = ["hosts", "nsswitch.conf", "resolv.conf", "gai.conf"];

fn is_directory(path: impl AsRef<Path>) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_dir())
}

fn descriptor(file: &fs::File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Shows what is at one path at another one, with all that is mounted there.
fn bind(from: &Path, to: &Path, read_only: bool) -> Result<()> {
    let what = format!("show {}", to.display());
    match is_directory(from) {
        true => doing(&what, fs::create_dir_all(to))?,
        false => {
            if let Some(above) = to.parent() {
                doing(&what, fs::create_dir_all(above))?;
            }
            doing(&what, fs::write(to, ""))?;
        }
    }
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    doing(
        &what,
        mount(Some(from), to, None::<&str>, flags, None::<&str>),
    )?;
    // What the mount was made with it keeps, or the kernel refuses.
    let had = doing(&what, statvfs(to))?.flags();
    let mut flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_NOSUID;
    for (is, keep) in [
        (FsFlags::ST_RDONLY, MsFlags::MS_RDONLY),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
    ] {
        if had.contains(is) {
            flags |= keep;
        }
    }
    if read_only {
        flags |= MsFlags::MS_RDONLY;
    }
    let made = mount(None::<&str>, to, None::<&str>, flags, None::<&str>);
    doing(&what, made)
}

/// Has a network of nothing but the machine itself.
fn loopback() -> Result<()> {
    let kind = SockType::Raw;
    let route = SockProtocol::NetlinkRoute;
    let made = socket(AddressFamily::Netlink, kind, SockFlag::SOCK_CLOEXEC, route);
    let socket = doing("netlink", made)?;
    // RTM_NEWLINK of interface 1: a header of 16 bytes, then `ifinfomsg` with IFF_UP.
    let mut message = [0u8; 32];
    for (at, value) in [(0, 32), (4, 16), (6, 1), (20, 1), (24, 1), (28, 1)] {
        if let Some(byte) = message.get_mut(at) {
            *byte = value;
        }
    }
    doing(
        "loopback",
        send(socket.as_raw_fd(), &message, MsgFlags::empty()),
    )
    .map(drop)
}

/// Starts the command, and waits for all that is left to process 1.
fn reap(exe: &fs::File, text: &str, told: &UnixDatagram) -> Result<i32> {
    let mut inner = Command::new(descriptor(exe));
    inner.args([WORD, "inner", text]).env_clear();
    let child = doing("start", inner.spawn())?.id();
    let child = nix::unistd::Pid::from_raw(child.cast_signed());
    loop {
        match doing("wait", wait())? {
            WaitStatus::Exited(pid, code) if pid == child => {
                say(told, &format!("exit {code}"));
                return Ok(code);
            }
            WaitStatus::Signaled(pid, signal, _) if pid == child => {
                say(told, &format!("signal {}", signal as i32));
                return Ok(128 + signal as i32);
            }
            _ => {}
        }
    }
}

fn inner(spec: &Spec) -> Result<i32> {
    let made = restricted(spec);
    if let Err(why) = &made {
        // The socket is no longer to be reached: this goes to the command's own output.
        let _nobody = writeln!(std::io::stderr(), "sandbox: {why}");
    }
    made
}

fn restricted(spec: &Spec) -> Result<i32> {
    use std::os::unix::ffi::OsStrExt as _;

    die_with_parent()?;
    // Without a terminal of its own it can put nothing into the caller's.
    doing("setsid", setsid())?;
    let flags = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS;
    doing("unshare", unshare(flags))?;
    // From here on a program has no capability: its user is not 0.
    map(USER, 0, 0)?;
    let flags = MsFlags::MS_REMOUNT
        | MsFlags::MS_BIND
        | MsFlags::MS_RDONLY
        | MsFlags::MS_NOSUID
        | MsFlags::MS_NODEV
        | MsFlags::MS_NOEXEC;
    let made = mount(None::<&str>, "/proc", None::<&str>, flags, None::<&str>);
    doing("make /proc read-only", made)?;
    restrict::limit(spec.processes)?;
    let at = Path::new("/workspace").join(spec.directory.trim_start_matches('/'));
    doing("enter directory", std::env::set_current_dir(at))?;
    restrict::landlock(&spec.read_only)?;
    restrict::seccomp()?;
    let text = |bytes: &Vec<u8>| std::ffi::OsStr::from_bytes(bytes).to_owned();
    let Some((program, arguments)) = spec.argv.split_first() else {
        return Err("no command".into());
    };
    let mut command = Command::new(text(program));
    command
        .args(arguments.iter().map(text))
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("HOME", "/tmp")
        .env("USER", "workspace")
        .env("LANG", "C.UTF-8")
        .envs(
            spec.environment
                .iter()
                .map(|(name, value)| (text(name), text(value))),
        );
    let error = command.exec();
    let code = match error.kind() {
        std::io::ErrorKind::NotFound => 127,
        _ => 126,
    };
    let _nobody = writeln!(
        std::io::stderr(),
        "sandbox: {}: {error}",
        text(program).display()
    );
    Ok(code)
}
