// `npm run package`: the tarballs of a release, in npm/, from the addons that `build:release` left
// there. The packages are made here, in one go from one version: so they cannot part.

import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { notices } from './notices.mjs'
import { CHECKOUT, manifest, PLATFORMS, STAGE } from './platforms.mjs'
import { run } from './run.mjs'

const { name, version, license, engines } = manifest

/** The fields of every package. */
const COMMON = { version, license, engines, repository: repository() }

/** Fields that serve a checkout; `private` keeps it from being published as it is. */
const OURS = ['private', 'devDependencies', 'overrides', 'scripts', 'napi']

/**
 * npm compares `repository` with the workflow that publishes: a fork, or a repository that was
 * renamed, publishes under its own address.
 */
function repository() {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: path } = process.env
  return path ? { type: 'git', url: `git+${server}/${path}.git` } : manifest.repository
}

/** One addon, and what its licences ask for; without the addon, only what npm would know of it. */
function packPlatform({ triple, name: platform, os, cpu, libc, packageName, folder, file, addon }) {
  write(folder, 'package.json', {
    name: packageName,
    description: `The addon of ${name} for ${platform}`,
    ...COMMON,
    os: [os],
    cpu: [cpu],
    ...(libc && { libc: [libc] }),
    main: file,
    files: [file, 'THIRD-PARTY-NOTICES.txt'],
  })
  if (!existsSync(addon)) {
    console.log(`${packageName}: not packed, since it is not built here`)
    return
  }
  write(folder, 'README.md', `The addon of ${name} for ${platform}: install \`${name}\`.\n`)
  write(folder, 'THIRD-PARTY-NOTICES.txt', notices(triple))
  copyFileSync(join(CHECKOUT, 'LICENSE'), join(folder, 'LICENSE'))
  pack(folder)
}

/** The JavaScript, which names all platform packages, in its own version. */
async function packMain() {
  const folder = join(STAGE, name)
  rmSync(folder, { recursive: true, force: true })
  const listing = run('npm', ['pack', '--dry-run', '--json'], { cwd: CHECKOUT, stdio: 'pipe' })
  const bundled = await bundle(folder)
  for (const { path } of onlyPackage(listing).files) {
    // The addon's own types: our JavaScript is checked against them, users have index.d.ts.
    if (path === 'lib/addon.d.ts' || bundled.includes(path)) continue
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    copyFileSync(join(CHECKOUT, path), join(folder, path))
  }
  const published = Object.entries(manifest).filter(([field]) => !OURS.includes(field))
  const optionalDependencies = Object.fromEntries(
    PLATFORMS.map(({ packageName }) => [packageName, version]),
  )
  write(folder, 'package.json', {
    ...Object.fromEntries(published),
    ...COMMON,
    optionalDependencies,
  })
  pack(folder)
}

/**
 * What is behind the entry points, in one file each, which knows its version: finding and reading many
 * small files is a third of the time that loading takes. Gives the files that are in them.
 */
async function bundle(folder) {
  const json = { contents: JSON.stringify({ version }), loader: 'json' }
  const { metafile } = await build({
    absWorkingDir: CHECKOUT,
    entryPoints: ['lib/client.js', 'lib/handler/token-handler.js'],
    outbase: '.',
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: `node${engines.node.match(/\d+/)}`,
    external: ['velt-auth-*'],
    keepNames: true,
    plugins: [
      { name: 'version', setup: ({ onLoad }) => onLoad({ filter: /package\.json$/ }, () => json) },
    ],
    metafile: true,
  })
  return Object.keys(metafile.inputs)
}

function write(folder, file, content) {
  mkdirSync(folder, { recursive: true })
  const text = typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`
  writeFileSync(join(folder, file), text)
}

function pack(folder) {
  const args = ['pack', folder, '--json', '--pack-destination', STAGE]
  const listed = onlyPackage(run('npm', args, { stdio: 'pipe' }))
  console.log(`${listed.filename}: ${listed.size} bytes, ${listed.unpackedSize} unpacked`)
  for (const { path, size } of listed.files) console.log(`  ${path} ${size}`)
}

/** npm lists packages in an array, and from version 12 on by their names. */
function onlyPackage(listing) {
  return Object.values(JSON.parse(listing))[0]
}

for (const tarball of readdirSync(STAGE).filter((file) => file.endsWith('.tgz'))) {
  rmSync(join(STAGE, tarball))
}
PLATFORMS.forEach(packPlatform)
await packMain()
