/** Worker threads that wait spinning. */
@NullMarked
package org.espalier.backend.cpu.workers;

import org.jspecify.annotations.NullMarked;
