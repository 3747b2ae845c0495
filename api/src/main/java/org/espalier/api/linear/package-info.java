/** The linear operator: the unit that codecs encode and kernels multiply by. */
@NullMarked
package org.espalier.api.linear;

import org.jspecify.annotations.NullMarked;
