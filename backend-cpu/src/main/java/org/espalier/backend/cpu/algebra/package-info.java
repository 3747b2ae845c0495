/** Blocked, vectorised linear algebra for the quantiser. */
@NullMarked
package org.espalier.backend.cpu.algebra;

import org.jspecify.annotations.NullMarked;
