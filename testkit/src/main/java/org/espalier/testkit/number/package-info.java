/** Numbers as tensors store them. */
@NullMarked
package org.espalier.testkit.number;

import org.jspecify.annotations.NullMarked;
