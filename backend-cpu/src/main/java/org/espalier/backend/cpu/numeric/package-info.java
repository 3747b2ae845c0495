/** Vectorised primitives: transforms, products, norms, exponentials. */
@NullMarked
package org.espalier.backend.cpu.numeric;

import org.jspecify.annotations.NullMarked;
