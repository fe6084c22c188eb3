// Code samples in the documents and in TSDoc can be pasted: they compile in strict TypeScript, and
// complete programs run.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  compileSamples,
  documents,
  isProgram,
  readSamples,
  runSample,
  typeFiles,
} from './support/samples.mjs'

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))

const COMPILED = ['js', 'jsx', 'ts', 'tsx']

/** How blocks in other languages are checked. `sh` needs no check here: see the npm scripts. */
const CHECKS = {
  sh: () => {},
  text: () => {},
  mermaid: () => {},
  json: (code) => JSON.parse(code),
  dockerfile: (code) => {
    for (const line of code.replaceAll(/\\\n/g, ' ').split('\n')) {
      assert.match(line, /^(#|$|(FROM|WORKDIR|COPY|RUN|ENV|USER|EXPOSE|ENTRYPOINT|CMD) )/)
    }
  },
}

const samples = (await Promise.all([...documents(), ...typeFiles()].map(readSamples))).flat()
const compiled = samples.filter(({ language }) => COMPILED.includes(language))
const errors = await compileSamples(compiled)

for (const sample of samples) {
  const { file, line, language, code } = sample
  const title = `${file}:${line}: the ${language} sample`
  if (errors.has(sample)) {
    test(`${title} compiles in strict TypeScript`, () => {
      assert.deepEqual(errors.get(sample), [])
    })
  } else {
    test(`${title} is in a language that this test can check, and is valid`, () => {
      assert.ok(Object.hasOwn(CHECKS, language), `no check for '${language}': add it to CHECKS`)
      CHECKS[language](code)
    })
  }
  if (isProgram(sample)) test(`${title} runs`, () => runSample(sample))
}

for (const file of documents()) {
  test(`${file}: every npm script exists`, () => {
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/npm run ([\w:-]+)/g)) {
      assert.ok(Object.hasOwn(scripts, name), `package.json has no script '${name}'`)
    }
  })
}

for (const file of typeFiles()) {
  test(`${file}: every @example is a fenced block`, () => {
    assert.doesNotMatch(readFileSync(file, 'utf8'), /@example(?!\s+\* ```)/)
  })
}
