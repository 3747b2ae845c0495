/** Models with random weights, for benchmarks. */
@NullMarked
package org.espalier.runtime.synthesis;

import org.jspecify.annotations.NullMarked;
