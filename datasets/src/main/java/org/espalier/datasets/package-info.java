/** Files of data: what kind they are of, their rows and their text. */
@NullMarked
package org.espalier.datasets;

import org.jspecify.annotations.NullMarked;
