"""The formats that the binary has: tests that loop over them cannot forget a new one."""
import re


def formats(okse):
    return re.search(r"\(one of: (.*)\)", okse("audit", "--root", "x", "--country", "VN", "--report", "?=x", status=2).err)[1].split(", ")
