/** The services that execute plans. */
@NullMarked
package org.espalier.api.backend;

import org.jspecify.annotations.NullMarked;
