// SPDX-License-Identifier: MIT
// Where Taps keep their state, one after another: in a file each, or each in a schema of its own on a PostgreSQL server.
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'

const psql = '/usr/lib/postgresql/15/bin/psql'

export class Databases {
  schemas = 0

  // `server`: a URL that has a query already; without one it is SQLite.
  constructor(server) {
    this.server = server
  }

  // A new database, empty; a file lies in `dir`.
  async create(dir) {
    if (!this.server) return `sqlite://${path.join(dir, 'tap.db')}`
    const schema = `tap${++this.schemas}`
    await promisify(execFile)(psql, [this.server, '--quiet', '--command', `CREATE SCHEMA ${schema}`])
    return `${this.server}&options=-csearch_path%3D${schema}`
  }
}
