/** Named arrays of numbers as a file stores them. */
@NullMarked
package org.espalier.api.tensor;

import org.jspecify.annotations.NullMarked;
