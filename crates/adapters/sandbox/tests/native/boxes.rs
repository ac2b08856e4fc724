//! Commands in boxes.

use std::time::Duration;

use futures::executor::block_on;
use workspace_core::{Author, ContentId};
use workspace_sandbox::{Command, Exit, Native};

use super::world::{World, run, shell, stdout, ways};

#[test]
fn however_a_command_ends_what_it_left_is_captured() {
    for way in ways() {
        let world = World::new();
        let copy = world.copy(&[("/a", "1")]);
        let sandbox = world.attach(copy, "state", way);
        assert_eq!(sandbox.host().way(), way);
        assert_eq!(run(&sandbox, "echo 3 > three; exit 3").exit, Exit::Code(3));
        assert_eq!(
            run(&sandbox, "echo 9 > nine; kill -9 $$").exit,
            Exit::Signal(9)
        );
        // One that leaves its parent is ended with the box all the same.
        let beats = |name: &str| {
            format!("(setsid sh -c 'while :; do echo x >> {name}; sleep 0.05; done' &); ")
        };
        let slow = shell(&format!("{}sleep 60", beats("t"))).timeout(Duration::from_secs(2));
        let ended = block_on(sandbox.run(&slow)).unwrap();
        assert_eq!(ended.exit, Exit::TimedOut);
        let left = format!(
            "{}while [ ! -s u ]; do sleep 0.05; done; echo done",
            beats("u")
        );
        assert_eq!(stdout(&run(&sandbox, &left)), "done\n");
        let plan = || block_on(sandbox.plan()).unwrap();
        let before = plan();
        let missing = block_on(sandbox.run(&Command::new(["no-such-program"]).keep(100)));
        assert_eq!(missing.unwrap().exit, Exit::Code(127));
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(plan(), before, "{way:?}: something still writes");
        block_on(sandbox.reconcile(Author::default())).unwrap();
        // Whether the first one came to write before its time was up is not said.
        let names = world.listing(copy).into_keys().filter(|name| name != "/t");
        let names: Vec<_> = names.collect();
        assert_eq!(names, ["/a", "/nine", "/three", "/u"], "{way:?}");
    }
}

#[test]
fn outputs_are_bounded_and_the_last_bytes_stay() {
    for way in ways().into_iter().take(1) {
        let world = World::new();
        let copy = world.copy(&[("/a", "1")]);
        let sandbox = world.attach(copy, "state", way);
        let much = shell("seq 1 100000; echo end; echo oops >&2").keep(10);
        let ended = block_on(sandbox.run(&much)).unwrap();
        assert_eq!(stdout(&ended), "100000\nend\n"[1..].to_string());
        assert_eq!(ended.stdout.left_out, 588_895 + 4 - 10);
        assert_eq!(&ended.stderr.bytes[..], b"oops\n");
    }
}

#[test]
fn files_are_there_as_the_copy_has_them() {
    for way in ways() {
        let world = World::new();
        let large = "0123456789abcdef".repeat(1 << 19);
        let copy = world.copy(&[
            ("/dir/a", "text"),
            ("/large", &large),
            ("/run", "#!/bin/sh\n"),
        ]);
        let executable = workspace_core::Change::set_executable("/run", true).unwrap();
        let link = workspace_core::Change::symlink("/link", "dir/a").unwrap();
        world.change(copy, vec![executable, link]);
        let mut sandbox = world.attach(copy, "state", way);
        let script = "cat link; ./run && echo ran; wc -c < large; sha256sum large | cut -c1-8; \
                      stat -c %u:%g:%a dir/a; id -u; ls";
        let ended = run(&sandbox, script);
        let hash = workspace_core::ContentId::of(large.as_bytes()).to_string();
        let expected = format!(
            "textran\n{}\n{}\n1000:1000:644\n1000\ndir\nlarge\nlink\nrun\n",
            large.len(),
            &hash[..8]
        );
        let said = String::from_utf8_lossy(&ended.stderr.bytes).into_owned();
        assert_eq!(stdout(&ended), expected, "{way:?}: {said}");
        assert!(block_on(sandbox.plan()).unwrap().is_empty(), "{way:?}");
        world.change(
            copy,
            vec![workspace_core::Change::write("/dir/a", "new").unwrap()],
        );
        assert!(block_on(sandbox.refresh()).unwrap().moved);
        let ended = run(&sandbox, "cat link");
        assert_eq!(stdout(&ended), "new", "{way:?}");
    }
}

#[test]
fn a_file_whose_bytes_are_lost_is_an_error_and_never_empty() {
    for way in ways()
        .into_iter()
        .filter(|way| way.name() == "overlay-on-fuse")
    {
        let world = World::new();
        let copy = world.copy(&[("/a", "1"), ("/b", "2")]);
        let sandbox = world.attach(copy, "state", way);
        let lost = ContentId::of(b"1");
        world
            .meta
            .tamper(&mut |tx| tx.delete_content(&lost))
            .unwrap();
        let ended = run(&sandbox, "cat b a");
        assert_eq!((stdout(&ended), ended.exit), ("2".into(), Exit::Code(1)));
        let said = String::from_utf8_lossy(&ended.stderr.bytes).into_owned();
        assert!(said.contains("Input/output error"), "{said}");
    }
}

/// Each prints `out` only where it got out.
const ESCAPES: [(&str, &str); 16] = [
    ("mount", "mount -t tmpfs none /tmp && echo out"),
    ("bind", "mount --bind / /tmp && echo out"),
    ("unmount", "umount /proc && echo out"),
    ("namespace", "unshare -U true && echo out"),
    ("mount namespace", "unshare -m true && echo out"),
    ("chroot", "chroot /usr true && echo out"),
    ("system", "echo x > /usr/escaped && echo out"),
    ("settings", "echo x > /etc/escaped && echo out"),
    ("root", "echo x > /escaped && echo out"),
    ("kernel", "echo x > /proc/sys/kernel/hostname && echo out"),
    ("trigger", "echo h > /proc/sysrq-trigger && echo out"),
    ("memory", "cat /proc/1/mem > /dev/null && echo out"),
    (
        "environment",
        "tr '\\0' '\\n' < /proc/1/environ | grep -q WORKSPACE_SECRET && echo out",
    ),
    ("home", "ls /root /home 2>/dev/null | grep -q . && echo out"),
    ("device", "mknod /tmp/d b 7 0 && echo out"),
    ("processes", "kill -0 $(($$ + 100000)) && echo out"),
];

/// System calls by their numbers on x86-64: ptrace, keyctl, add_key, bpf, perf_event_open,
/// userfaultfd, open_by_handle_at, setns, process_vm_readv, init_module, unshare, io_uring_setup,
/// and a clone3.
const CALLS: [u32; 13] = [
    101, 250, 248, 321, 298, 323, 304, 308, 310, 175, 272, 425, 435,
];

#[test]
fn nothing_gets_out_of_a_box() {
    for way in ways() {
        let world = World::new();
        let copy = world.copy(&[("/a", "1")]);
        let sandbox = world.attach(copy, "state", way);
        for (what, script) in ESCAPES {
            let ended = run(&sandbox, script);
            assert!(!stdout(&ended).contains("out"), "{way:?}: {what}");
        }
        if cfg!(target_arch = "x86_64") && std::path::Path::new("/usr/bin/perl").exists() {
            let numbers = CALLS.map(|number| number.to_string()).join(",");
            let script = format!(
                "perl -e 'for ({numbers}) {{ $r = syscall($_, 0, 0, 0, 0, 0, 0); \
                 print \"$_ out\\n\" if $r != -1; \
                 print \"$_ $!\\n\" if $! != 1 && $! != 38 }} \
                 for ([17, 3], [40, 1], [38, 5]) {{ \
                 print \"socket out\\n\" if syscall(41, $$_[0], $$_[1], 0) != -1 }}'"
            );
            let ended = run(&sandbox, &script);
            assert_eq!((stdout(&ended), ended.exit), (String::new(), Exit::Code(0)));
        }
        // No capability, and none to be had again.
        let script =
            "grep -E '^(CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status";
        let said = stdout(&run(&sandbox, script));
        assert_eq!(said.matches("0000000000000000").count(), 4, "{said}");
        assert!(
            said.contains("NoNewPrivs:\t1") && said.contains("Seccomp:\t2"),
            "{said}"
        );
        // The network is the machine itself, as the box has it.
        // Some kernels have tunnels in each, which lead nowhere.
        let script = "grep -c lo: /proc/net/dev; tail -n +2 /proc/net/route";
        assert_eq!(stdout(&run(&sandbox, script)), "1\n");
    }
}

#[test]
fn what_would_be_looked_up_through_the_copy_does_not_show() {
    let world = World::new();
    for shown in [
        "relative",
        "/usr/../home",
        "/",
        "/tmp",
        "/workspace/link/made",
        "/proc/1",
        "/dev/mem",
    ] {
        let options = World::options(workspace_sandbox::Way::Plain).read_only(vec![shown.into()]);
        let error = block_on(Native::open(&world.state("state"), options)).unwrap_err();
        assert_eq!(error.kind(), workspace_core::ErrorKind::Invalid, "{shown}");
    }
}

/// What is shown of /tmp shows, and the program that a box is made by has no name in it.
#[test]
fn a_box_is_entered_by_descriptors() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("shown"), "shown").unwrap();
    for way in ways() {
        let world = World::new();
        let copy = world.copy(&[("/a", "1")]);
        let options = World::options(way).read_only(vec![place.path().into()]);
        let host = block_on(Native::open(&world.state("state"), options)).unwrap();
        let view = super::world::view(copy);
        let sandbox = workspace_sandbox::Sandbox::attach(world.workspace.clone(), host, view);
        let sandbox = block_on(sandbox).unwrap();
        let at = place.path().display();
        let ended = run(
            &sandbox,
            &format!("cat {at}/shown; echo x > {at}/new; ls -A / | grep box; pwd; ls"),
        );
        assert_eq!(stdout(&ended), "shown/workspace\na\n", "{way:?}: {ended:?}");
        assert!(!place.path().join("new").exists(), "{way:?}");
    }
}

#[test]
fn what_the_caller_left_open_is_closed_in_a_box() {
    use std::os::fd::AsRawFd as _;

    let secret = tempfile::tempdir().unwrap();
    std::fs::write(secret.path().join("secret"), "out").unwrap();
    let file = std::fs::File::open(secret.path().join("secret")).unwrap();
    let directory = std::fs::File::open("/").unwrap();
    for open in [&file, &directory] {
        rustix::io::fcntl_setfd(open, rustix::io::FdFlags::empty()).unwrap();
    }
    for way in ways().into_iter().take(1) {
        let world = World::new();
        let copy = world.copy(&[("/a", "1")]);
        let sandbox = world.attach(copy, "state", way);
        let (file, directory) = (file.as_raw_fd(), directory.as_raw_fd());
        let script = format!(
            "cat /proc/self/fd/{file}; ls /proc/self/fd/{directory}/etc && echo out; \
             ls /proc/self/fd | tr '\\n' ' '"
        );
        let ended = run(&sandbox, &script);
        assert_eq!(stdout(&ended), "0 1 2 3 ", "{ended:?}");
    }
}

#[test]
fn no_private_keys_and_no_groups_of_the_caller_are_in_a_box() {
    for way in ways().into_iter().take(1) {
        let is_root = rustix_is_root();
        if is_root {
            let group = nix::unistd::Gid::from_raw(42);
            nix::unistd::setgroups(&[group]).unwrap();
        } else {
            println!("skipped in part: only root can leave groups");
        }
        let world = World::new();
        let copy = world.copy(&[("/a", "1")]);
        let sandbox = world.attach(copy, "state", way);
        let script = "ls /etc/ssl 2>/dev/null | grep -vx certs | grep -vx openssl.cnf; \
                      grep ^Groups: /proc/self/status";
        let said = stdout(&run(&sandbox, script));
        let groups = said.strip_prefix("Groups:");
        assert!(groups.is_some(), "{said}");
        assert!(!is_root || groups.unwrap().trim().is_empty(), "{said}");
    }
}

/// The kernel takes no longer argument.
#[test]
fn a_command_that_is_too_long_is_said_to_be() {
    for way in ways().into_iter().take(1) {
        let world = World::new();
        let copy = world.copy(&[("/a", "1")]);
        let sandbox = world.attach(copy, "state", way);
        let long = Command::new(["true", &"x".repeat(200_000)]).keep(10);
        let error = block_on(sandbox.run(&long)).unwrap_err();
        assert_eq!(error.kind(), workspace_core::ErrorKind::LimitExceeded);
        let forever = Command::new(["true"]).keep(10).timeout(Duration::MAX);
        let ended = block_on(sandbox.run(&forever)).unwrap();
        assert_eq!(ended.exit, Exit::Code(0));
    }
}

#[test]
fn many_processes_end_with_the_box_and_the_host_stays_usable() {
    let place = tempfile::tempdir().unwrap();
    for way in ways().into_iter().take(1) {
        let world = World::new();
        let copy = world.copy(&[("/a", "1")]);
        let options = World::options(way).processes(50);
        let probed = block_on(Native::probe(&place.path().join("probe"), &options)).unwrap();
        let host = block_on(Native::open(&world.state("state"), options)).unwrap();
        let view = super::world::view(copy);
        let sandbox = workspace_sandbox::Sandbox::attach(world.workspace.clone(), host, view);
        let sandbox = block_on(sandbox).unwrap();
        let bomb = "i=0; while [ $i -lt 400 ]; do sleep 30 & i=$((i+1)); done 2>/dev/null; \
                    echo all";
        let ended = block_on(sandbox.run(&shell(bomb).timeout(Duration::from_secs(20)))).unwrap();
        // As root a limit of processes needs a control group.
        if probed.groups || !rustix_is_root() {
            assert!(!stdout(&ended).contains("all"), "{ended:?}");
        }
        assert_eq!(stdout(&run(&sandbox, "echo fine")), "fine\n");
    }
}

fn rustix_is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;

    std::fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0)
}
