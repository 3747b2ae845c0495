/** The services that read and write model files. */
@NullMarked
package org.espalier.api.format;

import org.jspecify.annotations.NullMarked;
