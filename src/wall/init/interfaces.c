#include "interfaces.h"
#include "wall.h"

void list_interfaces(void (*see)(const struct ifinfomsg *, const char *name)) {
  struct {
    struct nlmsghdr header;
    struct ifinfomsg info;
  } request = {
      .header = {sizeof request, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0},
  };
  static _Alignas(NLMSG_ALIGNTO) char answer[32768];
  long fd = sys(__NR_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) refuse("cannot list network interfaces: ", error_text(fd), NULL);
  long sent = sys(__NR_sendto, fd, &request, sizeof request, 0, NULL, 0);
  if (sent < 0) refuse("cannot list network interfaces: ", error_text(sent), NULL);
  for (bool done = false; !done;) {
    long left = sys(__NR_recvfrom, fd, answer, sizeof answer, 0, NULL, NULL);
    if (left == -EINTR) continue;
    if (left <= 0) refuse("cannot list network interfaces: ", error_text(left), NULL);
    for (struct nlmsghdr *message = (void *)answer; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_ERROR) refuse("cannot list network interfaces", NULL);
      if (message->nlmsg_type == NLMSG_DONE) done = true;
      if (message->nlmsg_type != RTM_NEWLINK) continue;
      struct ifinfomsg *info = NLMSG_DATA(message);
      const char *name = "";
      long size = (long)message->nlmsg_len - (long)NLMSG_LENGTH(sizeof *info);
      struct rtattr *attribute = (void *)((char *)info + NLMSG_ALIGN(sizeof *info));
      for (; RTA_OK(attribute, size); attribute = RTA_NEXT(attribute, size))
        if (attribute->rta_type == IFLA_IFNAME) name = RTA_DATA(attribute);
      see(info, name);
    }
  }
  sys(__NR_close, fd);
}
