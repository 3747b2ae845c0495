/** The kernels by name, their text, and the structures that they take. */
@NullMarked
package org.espalier.backend.cuda.kernel;

import org.jspecify.annotations.NullMarked;
