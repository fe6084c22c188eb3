// What cargo needs for a build, also for a platform other than this machine.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { run, succeeds } from './run.mjs'
import { debian, pypi } from './tools.mjs'

/** Every Linux that Node 20 runs on has it: RHEL 7, Amazon Linux 2, Debian 8. */
export const OLDEST_GLIBC = '2.17'

/**
 * For Linux, zig is the linker: it knows the symbols of every glibc version, and contains a musl.
 * For macOS and Windows, the linker of the system builds, on that system.
 */
export function toolchain({ triple, os, libc }) {
  const std = standardLibrary(triple)
  if (os !== 'linux') return { ...std, cargo: ['build', '--target', triple] }
  const zig = join(pypi('ziglang==0.17.1', 'cargo-zigbuild==0.24.0'), 'bin')
  const target = libc === 'glibc' ? `${triple}.${OLDEST_GLIBC}` : triple
  return {
    ...std,
    cargo: ['zigbuild', '--target', target],
    env: { ...std.env, PATH: `${zig}:${process.env.PATH}` },
    // The Node that loads a musl addon has a musl already: the addon must not contain a second one.
    flags: libc === 'musl' ? ['-Ctarget-feature=-crt-static'] : [],
  }
}

/**
 * Rust's standard library for `triple`. It is installed already, or rustup installs it. Where rustup
 * cannot, it is built from the source in Debian's newest Rust package (the Rust that builds Debian's
 * browsers).
 */
function standardLibrary(triple) {
  const libraries = run('rustc', ['--print', 'target-libdir', '--target', triple], {
    stdio: 'pipe',
  })
  if (existsSync(libraries.trim()) || succeeds('rustup', ['target', 'add', triple])) return {}
  const root = debian('rustc-web', 'rust-web-src')
  const host = { x64: 'x86_64', arm64: 'aarch64' }[process.arch]
  return {
    arguments: ['-Zbuild-std=std,panic_unwind'],
    env: {
      RUSTC: join(root, 'usr', 'bin', 'rustc'),
      RUSTC_BOOTSTRAP: '1',
      LD_LIBRARY_PATH: join(root, 'usr', 'lib', `${host}-linux-gnu`),
    },
  }
}
