/** The QTIP 2-bit trellis code and its tensors. */
@NullMarked
package org.espalier.codec.qtip;

import org.jspecify.annotations.NullMarked;
