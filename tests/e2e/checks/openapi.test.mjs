// SPDX-License-Identifier: MIT
// docs/openapi.yaml is valid OpenAPI 3.1, its schemas are JSON Schema, and its examples are of their schemas.
import { Validator } from '@seriousme/openapi-schema-validator'
import Ajv from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const text = readFileSync(new URL('../../../docs/openapi.yaml', import.meta.url), 'utf8')
const key = (name) => name.replaceAll('~', '~0').replaceAll('/', '~1')

/// Whatever has a schema (a body, a parameter, a header), with its JSON pointer.
function* described(value, pointer = '') {
  if (typeof value !== 'object' || value === null) return
  if ('schema' in value) yield { ...value, pointer: `${pointer}/schema` }
  for (const [name, member] of Object.entries(value)) {
    if (!['schema', 'schemas', 'example', 'examples'].includes(name)) yield* described(member, `${pointer}/${key(name)}`)
  }
}

/// The schema of OpenAPI takes anything for a schema, so those are compiled, by a compiler that knows each keyword.
function faultsOfSchemas(document) {
  const ajv = addFormats(new Ajv({ strictTypes: true, strictRequired: true, keywords: Object.keys(document) }))
  ajv.addSchema(document, 'openapi', undefined, false)
  const faults = []
  const look = (pointer, examples) => {
    try {
      const fits = ajv.compile({ $ref: `openapi#${encodeURI(pointer)}` })
      for (const one of examples) if (!fits(one)) faults.push(`${pointer}: an example: ${ajv.errorsText(fits.errors)}`)
    } catch (error) {
      faults.push(`${pointer}: ${error.message}`)
    }
  }
  for (const name of Object.keys(document.components.schemas)) look(`/components/schemas/${key(name)}`, [])
  for (const { pointer, example, examples = {} } of described(document)) {
    look(pointer, [...(example === undefined ? [] : [example]), ...Object.values(examples).map(({ value }) => value)])
  }
  return faults
}

async function faultsOf(openapi) {
  const validator = new Validator()
  const { valid, errors } = await validator.validate(openapi)
  if (!valid) return [JSON.stringify(errors)]
  return faultsOfSchemas(validator.specification)
}

test('it is valid', async () => {
  assert.deepEqual(await faultsOf(text), [])
  assert.match(text, /^openapi: 3\.1\./m)
})

for (const [what, from, to] of [
  ['a member that does not exist', 'operationId:', 'operationid:'],
  ['a member that is missing', '  title: Tap\n', ''],
  ['a parameter in no place', 'in: path', 'in: way'],
  ['a type that does not exist', 'type: integer', 'type: number64'],
  ['a keyword that does not exist', 'minimum: 0\n', 'least: 0\n'],
  ['a reference to nowhere', "$ref: '#/components/schemas/Error'", "$ref: '#/components/schemas/Mistake'"],
  ['a required member that is not described', 'required: [status]', 'required: [state]'],
  ['an example of another shape', 'example: {"repo_count":1}', 'example: {"repo_count":"1"}'],
]) {
  test(`${what} is noticed`, async () => {
    assert.ok(text.includes(from))
    assert.notDeepEqual(await faultsOf(text.replace(from, to)), [])
  })
}
