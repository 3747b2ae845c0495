/** Benchmarks of kernels. Run {@code java -jar benchmarks/target/benchmarks.jar}. */
@NullMarked
package org.espalier.benchmarks;

import org.jspecify.annotations.NullMarked;
