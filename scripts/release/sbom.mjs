// Software bills of materials (SBOM) in the format CycloneDX: one for each package, made by npm and by
// cargo-cyclonedx. They are files beside the tarballs.

import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CHECKOUT, PLATFORMS, STAGE } from './platforms.mjs'
import { run } from './run.mjs'
import { crate } from './tools.mjs'

const fileOf = (name, version, suffix) => join(STAGE, `${name}-${version}${suffix}`)

/** The crates of an addon, and the procedural macros. Crates of build scripts are left out. */
export function addonSbom({ triple, packageName }, version) {
  const tool = join(crate('cargo-cyclonedx', '0.5.9'), 'bin', 'cargo-cyclonedx')
  const made = join(CHECKOUT, `${packageName}.json`)
  const choice = ['--target', triple, '--no-build-deps', '--override-filename', packageName]
  run(tool, ['cyclonedx', '--format', 'json', '--quiet', ...choice], { cwd: CHECKOUT })
  // The tool names the folder of the checkout, which is different on each machine.
  const checkout = pathToFileURL(CHECKOUT).href.replace(/\/$/, '')
  const text = readFileSync(made, 'utf8').replaceAll(checkout, 'file://')
  rmSync(made)
  writeFileSync(fileOf(packageName, version, '.cdx.json'), text)
}

/** The platform packages that velt-auth depends on, with the hashes of those that are packed. */
export function mainSbom({ name, version, ...manifest }) {
  // npm makes an SBOM from a lock file. The registry need not know the packages yet.
  const packages = { '': { name, version, ...manifest } }
  for (const { packageName, os, cpu } of PLATFORMS) {
    const platform = { version, license: manifest.license, optional: true, os: [os], cpu: [cpu] }
    packages[`node_modules/${packageName}`] = { ...platform, ...integrity(packageName, version) }
  }
  const folder = mkdtempSync(join(tmpdir(), 'velt-auth-'))
  const write = (file, content) => writeFileSync(join(folder, file), JSON.stringify(content))
  write('package.json', packages[''])
  write('package-lock.json', { name, version, lockfileVersion: 3, requires: true, packages })
  const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=library', '--package-lock-only']
  const sbom = JSON.parse(run('npm', [...args, '--omit=peer'], { cwd: folder, stdio: 'pipe' }))
  rmSync(folder, { recursive: true })
  // npm takes the name of the folder.
  sbom.metadata.component.name = name
  writeFileSync(fileOf(name, version, '.cdx.json'), JSON.stringify(sbom, null, 2))
}

function integrity(packageName, version) {
  const tarball = fileOf(packageName, version, '.tgz')
  if (!existsSync(tarball)) return {}
  const hash = createHash('sha512').update(readFileSync(tarball)).digest('base64')
  return { integrity: `sha512-${hash}` }
}
