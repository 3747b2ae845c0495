/** The kernel {@code int8-rows} of the CPU backend, for the codec {@code int8}. */
@NullMarked
package org.espalier.examples.kernel;

import org.jspecify.annotations.NullMarked;
