/** The CPU backend: stages, sessions, worker threads. */
@NullMarked
package org.espalier.backend.cpu;

import org.jspecify.annotations.NullMarked;
