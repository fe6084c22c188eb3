// Downloads the programs that builds and tests need into target/tools. Nothing is installed on the
// machine, and `cargo clean` deletes them.

import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TOOLS } from './platforms.mjs'
import { run } from './run.mjs'

/** @returns {string} a folder with these PyPI packages; their programs are in its `bin` */
export function pypi(...packages) {
  return once(`pypi-${packages.join('-')}`, (folder) => {
    run('python3', ['-m', 'venv', folder])
    run(join(folder, 'bin', 'pip'), ['install', '--quiet', ...packages])
  })
}

/** @returns {string} a folder with a PyPI package for `platform`, which may differ from this machine */
export function pypiFor(platform, name, version) {
  return once(`pypi-${platform}-${name}-${version}`, (folder) => {
    const choice = ['--only-binary=:all:', '--no-deps', '--platform', platform]
    const install = ['-m', 'pip', 'install', '--quiet', '--target', folder]
    run('python3', [...install, ...choice, `${name}==${version}`])
  })
}

/** @returns {string} a folder with a program from crates.io; it is in its `bin` */
export function crate(name, version) {
  return once(`crate-${name}-${version}`, (folder) => {
    run('cargo', ['install', '--locked', '--quiet', '--root', folder, `${name}@${version}`])
  })
}

/** @returns {string} a folder with these npm packages in its node_modules */
export function npm(name, dependencies, flags = []) {
  const versions = Object.values(dependencies)
    .join('-')
    .replace(/[^\w.-]+/g, '-')
  return once(`npm-${name}-${versions}`, (folder) => {
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ dependencies }))
    const quiet = ['--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error']
    run('npm', ['install', ...quiet, ...flags], { cwd: folder })
  })
}

/**
 * Unpacks Debian packages, and those of their dependencies that this machine lacks, into a folder.
 *
 * @returns {string} the folder, to use as a root directory
 */
export function debian(...packages) {
  return once(`debian-${packages.join('-')}`, (folder) => {
    const state = join(folder, 'apt')
    for (const part of ['lists/partial', 'cache/archives/partial']) {
      mkdirSync(join(state, part), { recursive: true })
    }
    const apt = (...args) =>
      run('apt-get', [
        ...['-o', `Dir::State::lists=${state}/lists`, '-o', `Dir::Cache=${state}/cache`],
        ...['-o', 'Debug::NoLocking=true', '-o', 'APT::Sandbox::User=', '-qq', ...args],
      ])
    apt('update')
    apt('install', '--yes', '--download-only', '--no-install-recommends', ...packages)
    const archives = join(state, 'cache', 'archives')
    for (const file of readdirSync(archives).filter((name) => name.endsWith('.deb'))) {
      run('dpkg', ['-x', join(archives, file), folder])
    }
    rmSync(state, { recursive: true })
  })
}

/**
 * Unpacks Debian packages of another release or architecture into a folder.
 *
 * @returns {string} the folder, to use as a root directory
 */
export function debianRoot(suite, arch, packages) {
  if (process.getuid() !== 0)
    throw new Error('debootstrap and chroot need root: run this command as root.')
  const tool = debian('debootstrap', 'debian-archive-keyring')
  return once(`debian-${suite}-${arch}-${packages.join('-')}`, (folder) => {
    const downloads = join(folder, 'downloads')
    const wanted = ['--download-only', '--variant=minbase', `--include=${packages}`]
    run(join(tool, 'usr', 'sbin', 'debootstrap'), [...wanted, `--arch=${arch}`, suite, downloads], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        DEBOOTSTRAP_DIR: join(tool, 'usr', 'share', 'debootstrap'),
        PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
      },
    })
    for (const part of ['bin', 'lib', 'lib64', 'sbin']) {
      mkdirSync(join(folder, 'usr', part), { recursive: true })
      symlinkSync(join('usr', part), join(folder, part))
    }
    const archives = join(downloads, 'var', 'cache', 'apt', 'archives')
    for (const name of packages) {
      const file = readdirSync(archives).find((archive) => archive.startsWith(`${name}_`))
      const unpack = `dpkg-deb --fsys-tarfile "${join(archives, file)}" | tar -xf - --keep-directory-symlink`
      run('sh', ['-c', unpack], { cwd: folder })
    }
    rmSync(downloads, { recursive: true })
  })
}

/** Fills a folder in TOOLS with `make`, unless an earlier run did so without a failure. */
function once(name, make) {
  const folder = join(TOOLS, name)
  const done = join(folder, '.done')
  if (!existsSync(done)) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    console.log(`downloading ${name}`)
    make(folder)
    writeFileSync(done, '')
  }
  return folder
}
