/** The CUDA driver as the backend uses it: the only package that sees JCuda. */
@NullMarked
package org.espalier.backend.cuda.driver;

import org.jspecify.annotations.NullMarked;
